{# Softmax, or its logarithm with `log`, over rows of n floats. Expressions: 0 is exp(x - y) for value and row maximum,
   1 is log(x). lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L %}
{% set whole = n // L %}
{% macro each(name, body_vector, body_scalar) %}
(local.set $i_p @i_x)
(local.set $i_q @i_c)
{% if whole %}
{% call m.repeat(name, "#%d" % whole) %}
{{ body_vector }}
{{ m.bump("i_p", VB) }}
{{ m.bump("i_q", VB) }}
{% endcall %}
{% endif %}
{% if n % L %}
{% call m.repeat(name ~ "s", "#%d" % (n % L)) %}
{{ body_scalar }}
{{ m.bump("i_p", 4) }}
{{ m.bump("i_q", 4) }}
{% endcall %}
{% endif %}
{% endmacro %}
{# Folds the lanes of a vector into $f_<into> with a scalar instruction. #}
{% macro fold(vector, into, instruction) %}
{% if L == 1 %}
(local.set $f_{{ into }} ({{ instruction }} @f_{{ into }} @{{ vector }}))
{% else %}
{% for lane in range(L) %}
(local.set $f_{{ into }} ({{ instruction }} @f_{{ into }} (f32x4.extract_lane {{ lane }} @{{ vector }})))
{% endfor %}
{% endif %}
{% endmacro %}
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_row #{{ 4 * n }})))
(local.set $i_c (i32.add @c (i32.mul @i_row #{{ 4 * n }})))
(local.set $f_max (f32.const -inf))
(local.set $v_max {{ vconst("-inf") }})
{{ each("a", "(local.set $v_max (V.max @v_max (V.load @i_p)))", "(local.set $f_max (f32.max @f_max (f32.load @i_p)))") }}
{{ fold("v_max", "max", "f32.max") }}
(local.set $v_max (V.splat @f_max))
(local.set $f_sum (f32.const 0))
(local.set $v_sum {{ vconst(0) }})
{{ each("b",
  "(local.set $v_e " ~ expr(0, "(V.load @i_p)", "@v_max") ~ ")(V.store @i_q @v_e)(local.set $v_sum (V.add @v_sum @v_e))",
  "(local.set $f_e " ~ scalar_expr(0, "(f32.load @i_p)", "@f_max") ~ ")(f32.store @i_q @f_e)(local.set $f_sum (f32.add @f_sum @f_e))") }}
{{ fold("v_sum", "sum", "f32.add") }}
{% if log %}
(local.set $f_sum {{ scalar_expr(1, "@f_sum") }})
(local.set $v_sum (V.splat @f_sum))
{{ each("d", "(V.store @i_q (V.sub (V.sub (V.load @i_p) @v_max) @v_sum))",
            "(f32.store @i_q (f32.sub (f32.sub (f32.load @i_p) @f_max) @f_sum))") }}
{% else %}
(local.set $v_sum (V.splat (f32.div (f32.const 1) @f_sum)))
{{ each("d", "(V.store @i_q (V.mul (V.load @i_q) @v_sum))",
            "(f32.store @i_q (f32.div (f32.load @i_q) @f_sum))") }}
{% endif %}
{% endcall %}
