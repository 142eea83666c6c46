"""Import it, and Pillow opens and saves our files: `codec.register_pillow()` for those who like plugins."""  # noqa: N999

from codec.integrations.pillow import register_pillow

register_pillow()
