from django.contrib import admin

from tests.django.project.gallery.models import Photo

admin.site.register(Photo)
