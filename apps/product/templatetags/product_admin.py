"""What the product pages of the admin draw with."""

from django import template

from apps.product import admin_pictures

register = template.Library()

register.filter("thumbnail", admin_pictures.thumbnail)
