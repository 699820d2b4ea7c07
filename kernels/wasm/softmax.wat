{# Softmax, or its logarithm with `log`, over rows of n floats. Expressions: 0 is exp(x - y) for value and row maximum,
   1 is log(x). What fills no vector stands in the last one, which begins inside of the vector before it; rows shorter
   than a vector are taken float by float. lo..hi are rows. #}
{% import "macros.wat" as m with context %}
{% set VB = 4 * L if n >= L else 4 %}
{% set T, ex = ("V", expr) if n >= L else ("f32", scalar_expr) %}
{% set v = "v" if n >= L else "f" %}
{% set whole = n // L if n >= L else n %}
{% set rest = n % L if n >= L else 0 %}
{# Byte offset of the last vector, and the lanes of it that are new. #}
{% set last = 4 * (n - L) %}
{% set fresh = "(v128.const i32x4%s)" % (" 0" * (L - rest) ~ " -1" * rest) %}
{# Pointers $i_p and $i_q along the whole vectors of a row, `unroll` of them a round; the body gets the number of a
   vector in its round and its byte offset from the pointers. #}
{% macro each(name, unroll) %}
{% set body = caller %}
(local.set $i_p @i_x)
(local.set $i_q @i_c)
{% if whole // unroll %}
{% call m.repeat(name, "#%d" % (whole // unroll)) %}
{% for u in range(unroll) %}
{{ body(u, u * VB) }}
{% endfor %}
{{ m.bump("i_p", VB * unroll) }}
{{ m.bump("i_q", VB * unroll) }}
{% endcall %}
{% endif %}
{% for u in range(whole % unroll) %}
{{ body(u, u * VB) }}
{% endfor %}
{% endmacro %}
{% macro larger(a, b) %}
{% if n >= L > 1 %}
(f32x4.pmax {{ a }} {{ b }})
{%- else %}
(select (local.tee $f_b {{ b }}) (local.tee $f_a {{ a }}) (f32.lt @f_a @f_b))
{%- endif %}
{% endmacro %}
{# Every lane becomes what an instruction makes of all of them. #}
{% macro all_lanes(name, combine) %}
{% if n >= L > 1 %}
{% for lanes in ("8 9 10 11 12 13 14 15 0 1 2 3 4 5 6 7", "4 5 6 7 0 1 2 3 12 13 14 15 8 9 10 11") %}
(local.set $v_{{ name }} (f32x4.{{ combine }} @v_{{ name }} (i8x16.shuffle {{ lanes }} @v_{{ name }} @v_{{ name }})))
{% endfor %}
{% endif %}
{% endmacro %}
{% macro number(value) %}
{{ vconst(value) if n >= L else "(f32.const %s)" % value }}
{%- endmacro %}
{% set max, sum, e, tail = "@%s_max0" % v, "@%s_sum" % v, "@%s_e" % v, "@%s_tail" % v %}
{% call m.for("row", "@lo", "@hi") %}
(local.set $i_x (i32.add @x (i32.mul @i_row #{{ 4 * n }})))
(local.set $i_c (i32.add @c (i32.mul @i_row #{{ 4 * n }})))
{% for u in range(4) %}
(local.set ${{ v }}_max{{ u }} {{ "(V.load offset=%d @i_x)" % last if rest else number("-inf") }})
{% endfor %}
{% call(u, at) each("a", 4) %}
(local.set ${{ v }}_max{{ u }} {{ larger("@%s_max%d" % (v, u), "(%s.load offset=%d @i_p)" % (T, at)) }})
{% endcall %}
{% for to, from in ((0, 1), (2, 3), (0, 2)) %}
(local.set ${{ v }}_max{{ to }} {{ larger("@%s_max%d" % (v, to), "@%s_max%d" % (v, from)) }})
{% endfor %}
{{ all_lanes("max0", "pmax") }}
(local.set ${{ v }}_sum {{ number(0) }})
{% call(u, at) each("b", 1) %}
(local.set ${{ v }}_e {{ ex(0, "(%s.load offset=%d @i_p)" % (T, at), max) }})
{% if not log %}
({{ T }}.store offset={{ at }} @i_q {{ e }})
{% endif %}
(local.set ${{ v }}_sum ({{ T }}.add {{ sum }} {{ e }}))
{% endcall %}
{% if rest %}
(local.set $v_tail {{ expr(0, "(V.load offset=%d @i_x)" % last, max) }})
(local.set $v_sum (V.add @v_sum (v128.and @v_tail {{ fresh }})))
{% endif %}
{{ all_lanes("sum", "add") }}
{% if log %}
(local.set ${{ v }}_sum {{ ex(1, sum) }})
{% if rest %}
(local.set $v_tail (V.sub (V.sub (V.load offset={{ last }} @i_x) @v_max0) @v_sum))
{% endif %}
{% call(u, at) each("d", 4) %}
({{ T }}.store offset={{ at }} @i_q ({{ T }}.sub ({{ T }}.sub ({{ T }}.load offset={{ at }} @i_p) {{ max }}) {{ sum }}))
{% endcall %}
{% else %}
(local.set ${{ v }}_sum ({{ T }}.div {{ number(1) }} {{ sum }}))
{% if rest %}
(local.set $v_tail (V.mul @v_tail @v_sum))
{% endif %}
{% call(u, at) each("d", 4) %}
({{ T }}.store offset={{ at }} @i_q ({{ T }}.mul ({{ T }}.load offset={{ at }} @i_q) {{ sum }}))
{% endcall %}
{% endif %}
{% if rest %}
(V.store offset={{ last }} @i_c @v_tail)
{% endif %}
{% endcall %}
