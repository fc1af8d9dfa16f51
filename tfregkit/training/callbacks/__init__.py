"""What happens after a training step, one file each. All count steps of the stage, also after a resume."""
