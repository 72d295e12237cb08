"""Places at a road, of frames that were judged one by one: where they lie, and which signs stand there."""
