{# Filters over time of TensorFlow Lite's bytes. Each of `rank` filters of a unit takes `depth` bytes of x, without their
   `zero`, with its row of weights, `pitch` bytes long; that is brought to the state's scale (`newest`, a multiplier and a
   shift), and is the last number of its state, which moves on by one. A unit is the sum of its states times `filters`,
   brought to the output's scale (`out`). lo..hi are units of all batches. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
{% import "tfl_recurrent_macros.wat" as r with context %}
{% set bytes = 2 * memory %}
{# The last number of a state, in $l_s. #}
{% macro sums() %}
(local.set $i_p @i_x)
{{ r.row_sum("s", depth, pitch, zero) }}
{{ t.rescale("s", newest[0], newest[1]) }}
{{ r.short("s") }}
{% endmacro %}
{# $l_s is the next number of the state at $i_after, and counts for the unit. #}
{% macro keep() %}
(i64.store16 @i_after @l_s)
(local.set $l_unit (i64.add @l_unit (i64.mul @l_s (i64.load16_s @i_f))))
{{ m.bump("i_after", 2) }}
{{ m.bump("i_f", 2) }}
{% endmacro %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_n (i32.rem_u @i_u #{{ units }}))
(local.set $i_x (i32.add @x (i32.mul (i32.div_u @i_u #{{ units }}) #{{ depth }})))
(local.set $i_w (i32.add @w (i32.mul @i_n #{{ rank * pitch }})))
(local.set $i_f (i32.add @filters (i32.mul @i_n #{{ rank * bytes }})))
(local.set $i_before (i32.add @before (i32.mul @i_u #{{ rank * bytes }})))
(local.set $i_after (i32.add @after (i32.mul @i_u #{{ rank * bytes }})))
(local.set $l_unit {% if biased %}(i64.load32_s (i32.add @bias (i32.mul @i_n #4))){% else %}(i64.const 0){% endif %})
{% call m.repeat("r", "#%d" % rank) %}
{{ m.bump("i_before", 2) }}
{% if memory > 1 %}
{% call m.repeat("t", "#%d" % (memory - 1)) %}
(local.set $l_s (i64.load16_s @i_before))
{{ m.bump("i_before", 2) }}
{{ keep() }}
{% endcall %}
{% endif %}
{{ sums() }}
{{ keep() }}
{% endcall %}
{{ t.rescale("unit", out[0], out[1]) }}
(local.set $l_unit (i64.add @l_unit (i64.const {{ out_zero }})))
{{ t.clamp("unit", -128, 127) }}
(i64.store8 (i32.add @c @i_u) @l_unit)
{% endcall %}
