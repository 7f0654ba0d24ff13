"""What a model must do whatever the figures say: cases that anybody can read and add to."""
