"""Classes made equal by made-up crops, and whether that helps."""
