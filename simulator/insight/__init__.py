"""What limits a layer, and when what of a network happens: rooflines, bottlenecks, timelines for trace viewers."""
