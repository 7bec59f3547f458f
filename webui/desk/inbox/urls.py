"""Routes under /desk/ of the list and of a row's menu."""

from django.urls import path

from webui.desk.inbox import views

urlpatterns = [
    path("", views.desk, name="desk"),
    path("rows/", views.list_page, name="desk-rows"),
    path("list/", views.list_pane, name="desk-list"),
    path("tabs/", views.tabs, name="desk-tabs"),
    path("filters/", views.filters, name="desk-filters"),
    path("tags/", views.tag_names, name="desk-tag-names"),
    path("searches/", views.save_search, name="desk-save-search"),
    path("searches/<int:search_id>/forget/", views.forget_search, name="desk-forget-search"),
    path("conversations/<uuid:pk>/row/", views.row, name="desk-row"),
    path("conversations/<uuid:pk>/menu/", views.menu, name="desk-menu"),
    path("conversations/<uuid:pk>/assign/", views.assign, name="desk-assign"),
    path("conversations/<uuid:pk>/snooze/", views.snooze, name="desk-snooze"),
    path("conversations/<uuid:pk>/tag/", views.tag, name="desk-tag"),
]
