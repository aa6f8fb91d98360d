"""Around the story of ResNeXt: exercises, explorers, drawings, and the commands."""
