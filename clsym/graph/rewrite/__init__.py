"""Passes that give the graph another form: for its device, without what can be prepared ahead, with element-wise chains as one step."""
