"""Layers over sequences: masks and reversals by length, recurrent layers, the loss of alignments, attention."""
