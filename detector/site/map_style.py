"""How the map of a site looks: colours by zone kind, and by what a zone is at the moment shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from detector.geo.schedule import Standing
from detector.geo.zones import ZoneKind
from detector.site.states import ZoneState
from detector.vocabulary import Text


@dataclass(frozen=True, slots=True)
class Style:
    """How a zone looks: fill, line, pattern laid over it, and its name in the legend."""

    fill: str
    line: str
    name: Text
    opacity: float = 0.55
    dashed: bool = False
    pattern: str | None = None


STYLES: dict[ZoneKind, Style] = {
    ZoneKind.PUBLIC_GROUND: Style("#e9e2d3", "#b3a684", Text("公共场地", "public ground"), 0.9),
    ZoneKind.PRIORITY_ROAD: Style("#c9ccd3", "#8b919d", Text("重点道路", "priority road"), 0.9),
    ZoneKind.NO_VENDING: Style("#e4572e", "#b23a17", Text("禁止摆摊", "no vending"), 0.28, True, "hatch"),
    ZoneKind.NO_SIGNAGE: Style("#c2255c", "#8f1d45", Text("禁止设置广告", "no signage"), 0.25, dashed=True),
    ZoneKind.VENDING_PITCH: Style("#f2a65a", "#b9701f", Text("便民摊位", "vending pitch")),
    ZoneKind.MARKET: Style("#f6d55c", "#b0942a", Text("市场", "market")),
    ZoneKind.BIKE_BAY: Style("#3d8bd4", "#1f5d99", Text("非机动车停车区", "bike bay")),
    ZoneKind.SHOP_FRONTAGE: Style("#9b7fc4", "#6a4f96", Text("店面", "shop front"), 0.5),
    ZoneKind.SIGN_REGISTRY: Style("#3caea3", "#23766e", Text("已备案招牌", "filed sign")),
    ZoneKind.PRIVACY_EXCLUSION: Style("#3b3b3b", "#1d1d1d", Text("隐私区（不记录）", "privacy, not recorded"), 0.35),
    ZoneKind.BUILDING: Style("#d6d3ce", "#77736c", Text("建筑物", "building"), 0.8),
    ZoneKind.GRID: Style("none", "#7a8699", Text("网格", "grid"), 0.0, dashed=True),
}

OFF = Style("#ffffff", "#868e96", Text("此时不起作用", "not in force now"), 0.55, True, "off")
CLOSED = Style("#fff5f5", "#c92a2a", Text("临时关闭", "closed for the time being"), 0.8, False, "closed")


def style_of(kind: ZoneKind, state: ZoneState | None) -> Style:
    """The kind's own look, the line of its colour under the state's pattern when it is not in force."""
    own = STYLES[kind]
    if state is None or state.in_force:
        return own
    if state.standing is Standing.CLOSED:
        return CLOSED
    return replace(OFF, line=own.line)


def patterns() -> Iterable[str]:
    """Definitions of the patterns that styles name."""
    yield (
        '<pattern id="hatch" width="9" height="9" patternUnits="userSpaceOnUse" patternTransform="rotate(45)">'
        '<path d="M0 0V9" stroke="#b23a17" stroke-width="2.4" opacity=".45"/></pattern>'
    )
    yield (
        '<pattern id="off" width="7" height="7" patternUnits="userSpaceOnUse">'
        '<circle cx="2" cy="2" r="1.1" fill="#868e96" opacity=".8"/></pattern>'
    )
    yield (
        '<pattern id="closed" width="14" height="14" patternUnits="userSpaceOnUse" patternTransform="rotate(-45)">'
        '<path d="M3.5 0V14" stroke="#c92a2a" stroke-width="6" opacity=".55"/></pattern>'
    )


def shape(path: str, style: Style, title: str = "") -> Iterable[str]:
    """An outline in a style; `path` is SVG path data, `title` (already escaped) shows on hovering."""
    dash = ' stroke-dasharray="7 4"' if style.dashed else ""
    yield (
        f'<path d="{path}" fill="{style.fill}" fill-opacity="{style.opacity}" fill-rule="evenodd" '
        f'stroke="{style.line}" stroke-width="1.6"{dash}><title>{title}</title></path>'
    )
    if style.pattern:
        yield f'<path d="{path}" fill="url(#{style.pattern})" fill-rule="evenodd" pointer-events="none"/>'
