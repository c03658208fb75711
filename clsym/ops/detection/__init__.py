"""Boxes: priors, targets and detections of single-shot detectors, suppression, matching, proposals."""
