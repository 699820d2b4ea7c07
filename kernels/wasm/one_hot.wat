{# `on` at each index along a new middle axis of [outer][depth][inner], `off` elsewhere: words, or bytes (`item` 1).
   Where rows are runs of words they are filled, whole vectors at a time. lo..hi are indices. #}
{% import "macros.wat" as m with context %}
{% set store = "i32.store8" if item == 1 else "i32.store" %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_index (i32.load (i32.add @x (i32.shl @i_u #2))))
(local.set $i_to (i32.add @c (i32.mul (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ depth * inner }}) (i32.rem_u @i_u #{{ inner }})) #{{ item }})))
{% if inner == 1 and item == 4 %}
{% set vectors = depth // L %}
(local.set $i_f @i_to)
{% if vectors %}
{{ m.fill("f", vectors * L, "(i32x4.splat #%d)" % off if L > 1 else "(f32.reinterpret_i32 #%d)" % off, L) }}
{% endif %}
{% for k in range(vectors * L, depth) %}
(i32.store offset={{ 4 * k }} @i_to #{{ off }})
{% endfor %}
(if (i32.lt_u @i_index #{{ depth }}) (then (i32.store (i32.add @i_to (i32.shl @i_index #2)) #{{ on }})))
{% else %}
{% call m.for("k", "#0", "#%d" % depth) %}
({{ store }} @i_to (select #{{ on }} #{{ off }} (i32.eq @i_k @i_index)))
{{ m.bump("i_to", item * inner) }}
{% endcall %}
{% endif %}
{% endcall %}
