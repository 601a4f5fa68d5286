"""What both listeners refuse: who may not use us, and what has no single meaning. All of it pure."""
