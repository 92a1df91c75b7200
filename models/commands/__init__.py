"""The sub-commands of ``kerbwatch models``, one file each; ``models.cli`` lists them."""
