"""Sound: mu-law, resampling, voice activity. numpy in, numpy out; no clock, socket or task."""
