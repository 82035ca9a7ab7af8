"""The acoustic model: network, features, training, evaluation, export, the weights and their cards."""
