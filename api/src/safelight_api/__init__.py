"""The REST API: takes uploads in, answers polls, serves images."""
