"""The input of commands: options, files, images and schemas."""
