from django.contrib import admin
from django.urls import path

from tests.django.project.gallery import views

urlpatterns = [
    path("upload", views.upload),
    path("upload-strict", views.upload_strict),
    path("full/<int:pk>", views.full),
    path("admin/", admin.site.urls),
]
