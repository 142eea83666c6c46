from django import forms
from django.http import FileResponse, JsonResponse
from django.shortcuts import get_object_or_404

from tests.django.project.gallery.models import Photo, Strict


class PhotoForm(forms.ModelForm):
    class Meta:
        model = Photo
        fields = ("title", "image")


class StrictForm(forms.ModelForm):
    class Meta:
        model = Strict
        fields = ("image",)


def upload(request):
    return _saved(PhotoForm(request.POST, request.FILES))


def upload_strict(request):
    return _saved(StrictForm(request.POST, request.FILES))


def _saved(form):
    if not form.is_valid():
        return JsonResponse(form.errors, status=422)
    image = form.save().image
    described = {"url": image.url, "width": image.width, "height": image.height, "bytes": image.size}
    return JsonResponse({"id": form.instance.pk, **described}, status=201)


def full(request, pk):
    return FileResponse(get_object_or_404(Photo, pk=pk).image.open_full("JPEG"))
