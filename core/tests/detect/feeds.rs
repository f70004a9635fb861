//! Where detections go and what they carry.
