"""The routes: each translates a request into a call of an action, and its result into an answer."""
