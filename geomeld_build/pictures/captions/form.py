"""The form of an audit: one page that people open anywhere, which shows neither verdicts nor where a tile is."""

from __future__ import annotations

import base64
import io
from html import escape

from PIL import Image

from geomeld_build.captions.report.audit import AuditItem, AuditKey
from geomeld_build.captions.vision.image import SIDE, images_of, rows_for_images
from geomeld_build.store import Store

__all__ = ["audit_form"]

_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;color:#222;max-width:66rem;margin:1.5rem auto;padding:0 1rem}
section{display:grid;grid-template-columns:448px 1fr;gap:1.4rem;border-top:1px solid #ccc;padding:1.2rem 0}
img{width:448px;height:448px;object-fit:contain;image-rendering:auto;background:#eee}
.text{font-size:1.15rem;margin:0 0 .8rem}mark{background:#fff3c4}
fieldset{border:0;margin:0 0 .5rem;padding:.35rem .5rem;background:#f5f7f8}
fieldset.done{background:#e8f3ec}legend{float:left;margin-right:1rem;min-width:16rem}
label{margin-right:.9rem;cursor:pointer}
header,footer{position:sticky;background:#fff;padding:.5rem 0;z-index:1}header{top:0}footer{bottom:0}
button{font:inherit;padding:.35rem 1rem}progress{width:16rem;vertical-align:middle}
"""
_SCRIPT = """
const key='geomeld-audit-'+document.body.dataset.audit,who=document.getElementById('who');
const saved=JSON.parse(localStorage.getItem(key)||'{}');who.value=saved.annotator||'';
const answers=saved.answers||{};
const sets=[...document.querySelectorAll('fieldset')];
function show(){let n=0;for(const f of sets){const a=(answers[f.dataset.item]||{})[f.dataset.claim];
f.classList.toggle('done',!!a);if(a){n++;f.querySelector(`input[value="${a}"]`).checked=true}}
document.querySelector('progress').value=n;document.getElementById('count').textContent=n+' of '+sets.length}
function keep(){localStorage.setItem(key,JSON.stringify({annotator:who.value,answers}))}
for(const f of sets)f.onchange=e=>{(answers[f.dataset.item]??={})[f.dataset.claim]=e.target.value;keep();show()};
who.onchange=keep;
document.getElementById('save').onclick=()=>{if(!who.value.trim()){who.focus();return}
const blob=new Blob([JSON.stringify({annotator:who.value.trim(),answers},null,1)],{type:'application/json'});
const a=document.createElement('a');a.href=URL.createObjectURL(blob);
a.download='answers-'+who.value.trim().replace(/[^a-z0-9]+/gi,'-').toLowerCase()+'.json';a.click()};
show();
"""
_RULES = (
    "Judge every marked statement by the picture: north is up, a side is 1.28 km. Say “true” where it holds, "
    "“false” where it does not, “cannot tell” where the picture does not show it. Answers are kept by this "
    "browser until you save them as a file."
)


def audit_form(store: Store, key: AuditKey) -> str:
    """The page.

    Args:
        store: of the tiles.
        key: the sample.

    Raises:
        StoreError: a tile cannot be read.
    """
    sections = "\n".join(_section(store, item, number) for number, item in enumerate(key.items, start=1))
    total = sum(len(item.claims) for item in key.items)
    name = escape(f"{key.producer}-{key.seed}-{len(key.items)}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        f"<title>Captions to judge</title><style>{_STYLE}</style></head>\n"
        f'<body data-audit="{name}"><h1>Captions to judge</h1><p>{escape(_RULES)}</p>\n'
        f'<header><label>Your name <input id="who"></label> <progress max="{total}" value="0"></progress> '
        f'<span id="count"></span> <button id="save">Save answers</button></header>\n'
        f"{sections}\n<script>{_SCRIPT}</script></body></html>\n"
    )


def _section(store: Store, item: AuditItem, number: int) -> str:
    claims = "\n".join(_claim(item, at) for at in range(len(item.claims)))
    return (
        f'<section><img alt="Tile of item {number}" src="{_picture(store, item.tile_id)}">'
        f'<div><p class="text">{_marked(item)}</p>{claims}</div></section>'
    )


def _claim(item: AuditItem, number: int) -> str:
    claim = item.claims[number]
    name = f"{item.item}-{number}"
    choices = "".join(
        f'<label><input type="radio" name="{name}" value="{value}"> {words}</label>'
        for value, words in (("true", "true"), ("false", "false"), ("unclear", "cannot tell"))
    )
    return (
        f'<fieldset data-item="{item.item}" data-claim="{number}"><legend>“{escape(claim.text)}”</legend>'
        f"{choices}</fieldset>"
    )


def _marked(item: AuditItem) -> str:
    """The caption with everything that is claimed marked alike."""
    covered = [any(one.start <= at < one.end for one in item.claims) for at in range(len(item.caption))]
    parts, at = [], 0
    while at < len(item.caption):
        end = at
        while end < len(item.caption) and covered[end] == covered[at]:
            end += 1
        text = escape(item.caption[at:end])
        parts.append(f"<mark>{text}</mark>" if covered[at] else text)
        at = end
    return "".join(parts)


def _picture(store: Store, tile_id: str) -> str:
    """As JPEG: two hundred of them are one page."""
    images = images_of(store.raw(tile_id, rows_for_images(tuple(store.modalities))))
    if images is None:
        return ""
    target = io.BytesIO()
    picture = Image.open(io.BytesIO(images.main)).convert("RGB")
    picture.thumbnail((2 * SIDE, 2 * SIDE))
    picture.save(target, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(target.getvalue()).decode('ascii')}"
