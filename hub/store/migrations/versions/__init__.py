"""One file a step, named `NNNN_words.py`; a step that was released is never edited."""
