{# c[i] = requantize(xs[x[i]] `combine` ys[y[i]]) of bytes x and y: the tables hold what each of the 256 stands for, as
   int32. An input of fewer elements begins again after its period. lo..hi are blocks of `block` elements, `n` in all. #}
{% import "macros.wat" as m with context %}
{% import "tfl_scalar.wat" as t with context %}
(local.set $i_e (i32.mul @lo #{{ block }}))
(local.set $i_end (i32.mul @hi #{{ block }}))
(local.set $i_end (select @i_end #{{ n }} (i32.lt_u @i_end #{{ n }})))
{% macro term(pointer, table, period) %}(i64.load32_s (i32.add @{{ table }} (i32.shl (i32.load8_u (i32.add @{{ pointer }} {{ "@i_e" if period == n else "(i32.rem_u @i_e #%d)" % period }})) #2))){% endmacro %}
(if (i32.lt_u @i_e @i_end) (then (loop $L_e
(local.set $l_s (i64.shl (i64.{{ combine }} {{ term("x", "xs", periods[0]) }} {{ term("y", "ys", periods[1]) }}) (i64.const {{ left }})))
{{ t.high_product("s", "(i64.const %d)" % multiplier) }}
{% if right %}
{{ t.rounding_shift("s", "(i64.const %d)" % right) }}
{% endif %}
(local.set $l_s (i64.add @l_s (i64.const {{ out_zero }})))
{{ t.clamp("s", lowest, highest) }}
(i64.store8 (i32.add @c @i_e) @l_s)
(br_if $L_e (i32.lt_u (local.tee $i_e (i32.add @i_e #1)) @i_end)))))
