"""What can be done with a version, each on a page that says what will happen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.forms import Form
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse

from mlops.admin.base import ModelAdmin, actor_of
from mlops.admin.compare import compare_page
from mlops.admin.forms import (
    AliasForm,
    EvaluateForm,
    ExportForm,
    PromoteForm,
    ReasonForm,
    RegisterForm,
    ReplayForm,
)
from mlops.constants import JobKind, Status
from mlops.errors import CodedError
from mlops.log.pressure import bulk_admit
from mlops.models import ModelJob, ModelVersion
from mlops.selectors import (
    dataset_reference,
    version_serving,
    versions_visible,
)
from mlops.services import versions
from mlops.services.downloads import version_archive_file
from mlops.services.gates import FORCE_PERMISSION, gates_judge
from mlops.services.jobs import job_create
from mlops.services.registration import Registration
from mlops.services.uploads import upload_keep

Admin = ModelAdmin[ModelVersion]
View = Callable[..., HttpResponseBase]
Done = Callable[[HttpRequest, ModelVersion, dict[str, Any]], HttpResponseBase]

ADD, CHANGE, DELETE = (f"mlops.{verb}_modelversion" for verb in ("add", "change", "delete"))


def register_view(admin: Admin, request: HttpRequest) -> HttpResponse:
    """A model comes in: checked here as far as possible, the rest by a worker."""
    if not request.user.has_perm(ADD):
        raise PermissionDenied
    form = RegisterForm(request.POST or None, request.FILES or None, request=request)
    if request.method == "POST" and form.is_valid():
        data = form.cleaned_data
        registration = Registration(
            source=data.get("path") or data["repository"] or data["archive"].name,
            name=data["name"],
            revision=data["revision"],
            upload=upload_keep(data["archive"]) if data["archive"] else "",
            task=data["task"],
            draft=data["draft"],
            overrides=data["overrides"],
        )
        job = job_create(
            kind=JobKind.REGISTER, parameters=asdict(registration), actor=actor_of(request)
        )
        return _to_job(job)
    return _page(admin, request, form, "Register a model", "Register")


def offered(admin: Admin, request: HttpRequest, version: ModelVersion) -> list[dict[str, str]]:
    """The pages that make sense for *version* now and that this person may use."""
    return [
        {
            "url": reverse(f"admin:mlops_modelversion_{name}", args=[version.pk]),
            "words": words,
            "kind": kind,
        }
        for name, words, kind, permission, fits in _OFFERS
        if fits(version) and (not permission or request.user.has_perm(permission))
    ]


def _form_page(
    permission: str, form_class: type[Form], title: str, button: str, done: Done
) -> Callable[[Admin], View]:
    """A page with a form; *done* calls the service, and what that refuses is said on the page."""

    def of(admin: Admin) -> View:
        def view(request: HttpRequest, version_id: int) -> HttpResponseBase:
            if not request.user.has_perm(permission):
                raise PermissionDenied
            version = get_object_or_404(versions_visible(), pk=version_id)
            form = form_class(request.POST or None)
            if request.method == "POST" and form.is_valid():
                try:
                    return done(request, version, form.cleaned_data)
                except CodedError as error:
                    form.add_error(None, str(error))
            gates = _gates(version) if form_class is PromoteForm else []
            heading = f"{title} {version}"
            return _page(admin, request, form, heading, button, version=version, gates=gates)

        return view

    return of


def _evaluate(
    request: HttpRequest, version: ModelVersion, data: dict[str, Any]
) -> HttpResponseBase:
    parameters = {"dataset": data["dataset"].pk}
    return _to_job(
        job_create(
            kind=JobKind.EVALUATE, parameters=parameters, version=version, actor=actor_of(request)
        )
    )


def _export(request: HttpRequest, version: ModelVersion, data: dict[str, Any]) -> HttpResponseBase:
    return _to_job(
        job_create(kind=JobKind.EXPORT, parameters=data, version=version, actor=actor_of(request))
    )


def _replay(request: HttpRequest, version: ModelVersion, data: dict[str, Any]) -> HttpResponseBase:
    bulk_admit()
    return _to_job(
        job_create(kind=JobKind.REPLAY, parameters=data, version=version, actor=actor_of(request))
    )


def _promote(request: HttpRequest, version: ModelVersion, data: dict[str, Any]) -> HttpResponseBase:
    serving = versions.version_promote(version=version, actor=actor_of(request), **data)
    return _told(request, serving, f"{serving} serves now.")


def _roll_back(
    request: HttpRequest, version: ModelVersion, data: dict[str, Any]
) -> HttpResponseBase:
    serving = versions.version_rollback(version=version, actor=actor_of(request), **data)
    return _told(request, serving, f"{serving} serves now.")


def _changed(service: Callable[..., Any], words: str) -> Done:
    def done(request: HttpRequest, version: ModelVersion, data: dict[str, Any]) -> HttpResponseBase:
        service(version=version, actor=actor_of(request), **data)
        return _told(request, version, f"{version} {words}.")

    return done


def _deleted(request: HttpRequest, version: ModelVersion, data: dict[str, Any]) -> HttpResponseBase:
    versions.version_delete(version=version, actor=actor_of(request), **data)
    messages.success(request, f"{version} is deleted; its figures and events stay.")
    return redirect("admin:mlops_modelversion_changelist")


def _download_page(admin: Admin) -> View:
    """The artifact as a zip file."""

    def view(request: HttpRequest, version_id: int) -> HttpResponseBase:
        version = get_object_or_404(versions_visible(), pk=version_id)
        if not admin.has_view_permission(request, version):
            raise PermissionDenied
        name = f"{version.model.name}-{version.number}.zip"
        return FileResponse(version_archive_file(version), as_attachment=True, filename=name)

    return view


def _gates(version: ModelVersion) -> list[Any]:
    champion = version_serving()
    return [] if champion == version else gates_judge(version=version, champion=champion)


def _page(
    admin: Admin,
    request: HttpRequest,
    form: Form,
    title: str,
    button: str,
    *,
    version: ModelVersion | None = None,
    gates: list[Any] | None = None,
) -> TemplateResponse:
    context = {
        **admin.admin_site.each_context(request),
        "opts": admin.opts,
        "title": title,
        "button": button,
        "form": form,
        "version": version,
        "gates": gates,
        "may_force": request.user.has_perm(FORCE_PERMISSION),
        "reference": dataset_reference(),
        "serving": version_serving(),
    }
    return TemplateResponse(request, "mlops/admin/action.html", context)


def _to_job(job: ModelJob) -> HttpResponse:
    return redirect("admin:mlops_modeljob_change", job.pk)


def _told(request: HttpRequest, version: ModelVersion, words: str) -> HttpResponse:
    messages.success(request, words)
    return redirect("admin:mlops_modelversion_change", version.pk)


PAGES: dict[str, Callable[[Admin], View]] = {
    "evaluate": _form_page(ADD, EvaluateForm, "Evaluate", "Evaluate", _evaluate),
    "export": _form_page(ADD, ExportForm, "Export", "Export", _export),
    "promote": _form_page(CHANGE, PromoteForm, "Promote", "Promote", _promote),
    "rollback": _form_page(CHANGE, ReasonForm, "Roll back from", "Roll back", _roll_back),
    "validate": _form_page(
        CHANGE,
        Form,
        "Validate",
        "Validate",
        _changed(versions.version_validate, "may be promoted now"),
    ),
    "archive": _form_page(
        CHANGE, ReasonForm, "Archive", "Archive", _changed(versions.version_archive, "is archived")
    ),
    "restore": _form_page(
        CHANGE, ReasonForm, "Restore", "Restore", _changed(versions.version_restore, "is back")
    ),
    "alias": _form_page(
        CHANGE, AliasForm, "Give an alias to", "Set", _changed(versions.alias_set, "has the alias")
    ),
    "remove": _form_page(DELETE, ReasonForm, "Delete", "Delete", _deleted),
    "replay": _form_page(
        CHANGE, ReplayForm, "Ask about the kept texts of the last hours:", "Replay", _replay
    ),
    "compare": compare_page,
    "download": _download_page,
}

_ARCHIVABLE = (Status.DRAFT, Status.VALIDATED, Status.FAILED)


def _serves(version: ModelVersion) -> bool:
    return version.status == Status.PRODUCTION


def _may_serve(version: ModelVersion) -> bool:
    return version.status == Status.VALIDATED


# Page, words, look, permission, and for which versions it makes sense.
_OFFERS: tuple[tuple[str, str, str, str, Callable[[ModelVersion], bool]], ...] = (
    ("evaluate", "Evaluate", "", ADD, lambda _: True),
    ("compare", "Compare", "", "", lambda _: True),
    ("replay", "Replay", "", CHANGE, lambda _: True),
    ("export", "Export", "", ADD, lambda version: version.format == "safetensors"),
    ("promote", "Promote", "v-main", CHANGE, _may_serve),
    (
        "rollback",
        "Roll back",
        "v-main",
        CHANGE,
        lambda version: version.status == Status.PRODUCTION,
    ),
    ("validate", "Validate", "v-main", CHANGE, lambda version: version.status == Status.DRAFT),
    ("alias", "Alias", "", CHANGE, lambda version: version.status != Status.FAILED),
    ("download", "Download", "", "", lambda _: True),
    ("archive", "Archive", "", CHANGE, lambda version: version.status in _ARCHIVABLE),
    ("restore", "Restore", "", CHANGE, lambda version: version.status == Status.ARCHIVED),
    ("remove", "Delete", "v-danger", DELETE, lambda version: version.status != Status.PRODUCTION),
)
