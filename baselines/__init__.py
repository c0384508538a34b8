"""Baseline methods that SoundBridge is compared with; each module is a plug-in."""
