"""What a command reads: options, files, images and schemas."""
