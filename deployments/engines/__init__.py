"""Model code without Ray: one library each, imported inside the constructor."""
