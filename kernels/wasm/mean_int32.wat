{# The mean of int32 over the middle of [outer][n][inner], summed in doubles, which is exact. lo..hi are results. #}
{% import "macros.wat" as m with context %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_p (i32.add @x (i32.shl (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ n * inner }}) (i32.rem_u @i_u #{{ inner }})) #2)))
(local.set $d_sum (f64.const 0))
{% call m.repeat("k", "#%d" % n) %}
(local.set $d_sum (f64.add @d_sum (f64.convert_i32_s (i32.load @i_p))))
{{ m.bump("i_p", 4 * inner) }}
{% endcall %}
(f32.store (i32.add @c (i32.shl @i_u #2)) (f32.demote_f64 (f64.div @d_sum (f64.const {{ n }}))))
{% endcall %}
