"""The traffic of a rollout as one picture."""

from __future__ import annotations

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from mlops.rollouts.timeline import Timeline

_WIDTH, _HEIGHT, _TEXT = 720, 140, 18
# Arms beyond these share the last colour; so many are not told apart by eye in any case.
_COLOURS = 5


def split_chart(timeline: Timeline) -> SafeString:
    """Stacked columns, one for each minute, hour or day; the champion is at the bottom."""
    if not timeline.times:
        return format_html('<p class="v-quiet">{}</p>', "No answer yet.")
    highest = max(map(sum, timeline.counts)) or 1
    width = _WIDTH / max(len(timeline.times), 12)
    columns = []
    for index, counts in enumerate(timeline.counts):
        top = float(_HEIGHT)
        for arm, count in enumerate(counts):
            height = _HEIGHT * count / highest
            top -= height
            if count:
                title = f"{timeline.times[index]:%d %b %H:%M} {timeline.arms[arm].name}: {count:,}"
                columns.append((min(arm, _COLOURS - 1), index * width, top, width, height, title))
    bars = format_html_join(
        "",
        '<rect class="v-arm{}" x="{}" y="{}" width="{}" height="{}"><title>{}</title></rect>',
        (
            (arm, f"{x:.1f}", f"{y:.1f}", f"{max(1.0, w - 1):.1f}", f"{h:.1f}", title)
            for arm, x, y, w, h, title in columns
        ),
    )
    return format_html(
        '<svg class="v-split" viewBox="0 0 {} {}" role="img" aria-label="answers by arm">{}'
        '<text x="0" y="{}">{}</text><text x="{}" y="{}" text-anchor="end">{}</text></svg>',
        *(_WIDTH, _HEIGHT + _TEXT, bars),
        *(_HEIGHT + 14, f"{timeline.times[0]:%d %b %H:%M}"),
        *(_WIDTH, _HEIGHT + 14, f"up to {highest:,} answers a column"),
    )
