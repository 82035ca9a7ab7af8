"""The acoustic model: network, features, training, evaluation, export, the weights and their cards.

At the edge only `runtime`, `registry` and `frontend` are loaded. `recordings`, `livefire` and `corpus` read sound,
`augment` makes situations of it, `network` and `train` learn (TensorFlow, inside functions), `crossval`, `metrics`,
`report` and `card` judge, `pipeline` does all of it in order, and `shipped` measures what is in `weights/` on any
folder.
Nothing here captures sound, and nothing keeps any but the caches of a training run.
"""
