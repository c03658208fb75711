"""Passes that decide where and when: devices, the order of the steps, what waits for what."""
