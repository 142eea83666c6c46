"""A Django project as a user would have one, for the tests beside it; its files lie in SAIN_PROJECT_FOLDER."""
