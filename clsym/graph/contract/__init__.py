"""What everybody shares: operators, nodes, tensors, kernel calls, the traits of a device."""
