"""What OpenAI's own client gets from the host at argv[1]. It prints one line of JSON for each thing that it does."""

import base64
import json
import sys
import urllib.request

import openai

BASE = sys.argv[1] + "/openai/v1"


def say(**what):
    print(json.dumps(what), flush=True)


client = openai.OpenAI(base_url=BASE, api_key="sk-nobody-asks")
say(models=[model.id for model in client.models.list()])

made = client.images.generate(prompt="a red fox", size="64x48", n=2, model="flux-stub", extra_body={"steps": 2, "step_ms": 0, "seed": 7})
say(pictures=[base64.b64decode(image.b64_json)[:4].hex() for image in made.data], size=made.size)

made = client.images.generate(prompt="a red fox", model="flux-stub", response_format="url", extra_body={"steps": 1, "step_ms": 0})
say(fetched=urllib.request.urlopen(made.data[0].url).read()[:4].hex())

events = client.images.generate(
    prompt="a red fox", model="flux-stub", size="64x48", stream=True, partial_images=2, extra_body={"steps": 6, "step_ms": 400}
)
say(events=[event.type for event in events])

for wrong in ({"model": "no-such"}, {"size": "large"}, {"n": 99}, {"extra_body": {"steps": -1}}):
    try:
        client.images.generate(prompt="a red fox", **{"model": "flux-stub", **wrong})
    except openai.APIStatusError as error:
        say(status=error.status_code, code=error.code, param=error.param, message=error.message)

# It gives up after two seconds, and asks again by itself: that is the same picture.
hasty = openai.OpenAI(base_url=BASE, api_key="sk-nobody-asks", timeout=2, max_retries=10)
made = hasty.images.generate(prompt="a slow fox", model="flux-stub", extra_body={"steps": 10, "step_ms": 300, "width": 64, "height": 64})
say(hasty=len(made.data))
