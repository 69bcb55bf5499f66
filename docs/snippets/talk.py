import sys, time, wave
from base64 import b64decode, b64encode
from openai import OpenAI

with OpenAI(base_url=sys.argv[1], api_key="none").realtime.connect(model="default") as call:
    for path in sys.argv[2:]:  # what you say: WAV files of 24 kHz, one channel, 16 bits
        with wave.open(path) as said, wave.open(f"{path}.answer.wav", "wb") as answer:
            answer.setparams(said.getparams())
            call.input_audio_buffer.append(audio=b64encode(said.readframes(10**7)).decode())
            while (event := call.recv()).type != "response.done":
                if event.type == "response.output_audio.delta":
                    answer.writeframes(b64decode(event.delta))
        print(path, "→", event.response.output[0].content[0].transcript)
        time.sleep(0.6)  # sound comes half a second ahead: who speaks sooner cuts it off
