"""The schema folder: from files to checks that are built once."""
