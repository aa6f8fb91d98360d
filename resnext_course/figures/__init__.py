"""Drawings that one notebook each uses; nobody needs them to understand ResNeXt."""
