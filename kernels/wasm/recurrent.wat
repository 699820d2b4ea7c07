{# All steps of a recurrent layer. `x` is what the inputs give all gates, [batch][steps][gates][units]. A step has
   phases: part i multiplies a row of `units` floats, the state or what an earlier phase left in scratch, with the
   weights of some gates, and expressions over `leaves` (see tfjslab.ops.cells) follow: results are states, or what the
   next phase multiplies. A step with a 0 in `mask` [batch][steps] repeats the output before it and leaves the states.
   lo..hi are rows of the batch. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as columns with context %}
{% set VB = 4 * L %}
{% set room = dict(places) %}
{# Where a leaf is read for the units at byte offset $i_j. #}
{% macro leaf(name) %}
{% set kind, number = name[0], name[1:] | int %}
{% if kind == "n" %}
@v_h{{ number }}
{%- elif kind == "s" %}
(V.load offset={{ room["sums"] + 4 * units * number }} @i_own)
{%- elif kind == "x" %}
(V.load offset={{ 4 * units * number }} (i32.add @i_x @i_j))
{%- elif kind == "b" %}
(V.load offset={{ 4 * units * number }} (i32.add @bias @i_j))
{%- elif number %}
(V.load offset={{ room[name] }} @i_own)
{%- else %}
(V.load (i32.add @i_h @i_j))
{%- endif %}
{% endmacro %}
{# The results for a vector of units, of which `valid` are some. #}
{% macro results(p, valid) %}
(local.set $i_own (i32.add @scratch @i_j))
{% set texts = [] %}
{% for name in leaves %}
{% do texts.append(leaf(name) | trim) %}
{% endfor %}
{% for number, place in p.results %}
(local.set $v_{{ place }} {{ expr(number, *texts) }})
{% endfor %}
{% for number, place in p.results %}
{% if place != "h0" %}
(V.store offset={{ room[place] }} @i_own @v_{{ place }})
{% elif valid < L %}
{{ columns.store_part(valid, 0, "(i32.add @i_y @i_j)", "@v_h0") }}
{% else %}
(V.store (i32.add @i_y @i_j) @v_h0)
{% endif %}
{% endfor %}
{{ m.bump("i_j", VB) }}
{% endmacro %}
{% macro move_row(name, to, from) %}
(local.set $i_to {{ to }})
(local.set $i_from {{ from }})
{{ m.move_run(name, "to", "from", units, L) }}
{% endmacro %}
{% call m.for("b", "@lo", "@hi") %}
(local.set $i_row (i32.mul @i_b #{{ 4 * units }}))
(local.set $i_h {{ "(i32.add @given0 @i_row)" if given else "@scratch" }})
{% for s in range(states) %}
{% if not given %}
(local.set $i_f (i32.add @scratch #{{ room["h%d" % s] }}))
{{ m.fill("f", row // 4, vconst(0), L) }}
{% elif s %}
{{ move_row("g%d" % s, "(i32.add @scratch #%d)" % room["h%d" % s], "(i32.add @given%d @i_row)" % s) }}
{% endif %}
{% endfor %}
(local.set $i_x (i32.add @x (i32.mul @i_b #{{ 4 * steps * gates * units }})))
{% if backwards %}
{{ m.bump("i_x", 4 * (steps - 1) * gates * units) }}
{% endif %}
(local.set $i_y (i32.add @y (i32.mul @i_b #{{ 4 * steps * units }})))
{% if masked %}
(local.set $i_m (i32.add @mask (i32.mul @i_b #{{ 4 * steps }})))
{% if backwards %}
{{ m.bump("i_m", 4 * (steps - 1)) }}
{% endif %}
{% endif %}
{% call m.repeat("t", "#%d" % steps) %}
{% if masked %}
(if (f32.eq (f32.load @i_m) (f32.const 0)) (then
{{ move_row("k", "@i_y", "@i_h") }}
) (else
{% endif %}
{% for p in phases %}
(call $part{{ loop.index0 }} #0 #{{ p.panels }} @scratch
{{ "(i32.add @scratch #%d)" % room[p.left] if p.left else "@i_h" }} @w{{ loop.index0 }} (i32.add @scratch #{{ room["sums"] + 4 * units * p.gate }}))
(local.set $i_j #0)
{% if units // L %}
{% call m.repeat("u", "#%d" % (units // L)) %}
{{ results(p, L) }}
{% endcall %}
{% endif %}
{% if units % L %}
{{ results(p, units % L) }}
{% endif %}
{% endfor %}
{% if masked %}
))
{{ m.bump("i_m", -4 if backwards else 4) }}
{% endif %}
(local.set $i_h @i_y)
{{ m.bump("i_x", (-4 if backwards else 4) * gates * units) }}
{{ m.bump("i_y", 4 * units) }}
{% endcall %}
{% for s in range(states) %}
{{ move_row("l%d" % s, "(i32.add @last%d @i_row)" % s, "(i32.add @scratch #%d)" % room["h%d" % s] if s else "@i_h") }}
{% endfor %}
{% endcall %}
