{# c[i] = requantize(xs[x[i]] `combine` ys[y[i]]): of bytes tables hold what each of the 256 stands for, as int32; what 16 bits
   stand for is computed, `scales` being (zero, multiplier, shift) for each side, or (zero,) where nothing is scaled. An
   input of fewer elements begins again after its period. lo..hi are blocks of `block` elements, `n` in all. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ n }} (i32.lt_u @i_end #{{ n }})))
{# $l_<name>: what the element of a side stands for. #}
{% macro term(name, side) %}
{% set period = periods[side] %}
{% set index = "@i_e" if period == n else "(i32.rem_u @i_e #%d)" % period %}
{% if bits == 8 %}
(local.set $l_{{ name }} (i64.load32_s (i32.add @{{ name }}s (i32.shl (i32.load8_u (i32.add @{{ name }} {{ index }})) #2))))
{% else %}
(local.set $l_{{ name }} (i64.sub (i64.load16_s (i32.add @{{ name }} (i32.shl {{ index }} #1))) (i64.const {{ scales[side][0] }})))
{% if scales[side] | length > 1 %}
{{ t.rescale(name, scales[side][1], scales[side][2], room) }}
{% endif %}
{% endif %}
{% endmacro %}
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
{{ term("x", 0) }}
{{ term("y", 1) }}
(local.set $l_s (i64.{{ combine }} @l_x @l_y))
{{ t.rescale("s", multiplier, shift) }}
(local.set $l_s (i64.add @l_s (i64.const {{ out_zero }})))
{{ t.clamp("s", lowest, highest) }}
(i64.store{{ bits }} (i32.add @c {{ "@i_e" if bits == 8 else "(i32.shl @i_e #1)" }}) @l_s)
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #1)) @i_end)))))
