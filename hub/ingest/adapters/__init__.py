"""Foreign sensors: what they say becomes our detections, by the mapping in the configuration and nothing else.

One module a language: `frigate`, `onvif`, `generic`. Each reads only the fields that it names; what tells of a person
(a name, a face, a number plate) or holds a picture is not decoded, and is counted as refused content. `spoken` has what
they share; `intake` brings the result through the same credentials, gate and log as any message.
"""
