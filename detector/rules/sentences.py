"""Sentences that are the same for every rule. A rule's own `reasons` may say them otherwise."""

from __future__ import annotations

from collections.abc import Mapping

from detector.vocabulary import Text

_ASK_ZH = "规则要求先后{passes}次看到，且相隔至少{wait_min}分钟"
_ASK_EN = "the rule asks for {passes} sightings at least {wait_min} minutes apart"

SENTENCES: Mapping[str, Text] = {
    "position_error": Text(zh="位置误差约±{sigma_m}米（95%）", en="Position good to about ±{sigma_m} m (95 %)"),
    "seen_once": Text(zh="只在{first_at}看到一次；" + _ASK_ZH, en="Seen once, at {first_at}; " + _ASK_EN),
    "seen_too_soon": Text(
        zh="{first_at}看到，{again_at}又看到；" + _ASK_ZH, en="Seen at {first_at} and again at {again_at}; " + _ASK_EN
    ),
    "seen_again": Text(
        zh="{first_at}看到，{again_at}又看到，前后共{passes}次",
        en="Seen at {first_at} and again at {again_at}, on {passes} passes",
    ),
    "perhaps_granted": Text(
        zh="也可能在“{zone}”内，那里是允许的；定位不够准，请人工判断",
        en="It may stand in “{zone}”, where it is allowed; the position is too rough to tell, a person decides",
    ),
    "probably_granted": Text(
        zh="在定位误差之内，{thing}最可能就在“{zone}”里，那里是允许的",
        en="Within the error of its position the {thing} most likely stands in “{zone}”, where it is allowed",
    ),
    "taken": Text(zh="“{zone}”里已有别的{thing}", en="Another {thing} stands in “{zone}” already"),
    "no_permit_now": Text(zh="“{zone}”此时没有有效的许可证", en="No permit is in force for “{zone}” at this time"),
    "not_in_use": Text(zh="“{zone}”在{on}不使用", en="“{zone}” is not in use on {on}"),
    "goods": Text(
        zh="这里许可经营：{goods}；卖的是什么，镜头看不出",
        en="Permitted here: {goods}; a camera does not see what is sold",
    ),
    "closed_now": Text(zh="“{zone}”临时关闭：{why}", en="“{zone}” is closed for the time being: {why}"),
    "unfiled_on_wall": Text(
        zh="“{zone}”墙面上的{thing}没有找到备案，请人工判断",
        en="No filing was found for the {thing} on the wall of “{zone}”; a person decides",
    ),
    "picture_decides": Text(
        zh="照片中能看到“{zone}”的边线：{thing}在{side}",
        en="The picture shows the line of “{zone}”: the {thing} is {side}",
    ),
}
INSIDE, OUTSIDE = Text("线内", "inside"), Text("线外", "outside")


def fill(sentence: Text, values: Mapping[str, str | Text]) -> Text:
    """A sentence with its braces filled, each language with its own words."""
    in_english = dict(values)
    in_chinese = in_english.copy()
    for name, value in values.items():
        if isinstance(value, Text):
            in_chinese[name], in_english[name] = value.zh, value.en
    return Text(sentence.zh.format_map(in_chinese), sentence.en.format_map(in_english))
