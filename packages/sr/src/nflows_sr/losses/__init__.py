"""What a training lowers, beside the plain distance of pixels."""
