{# The index of the largest (`better` gt, else lt: smallest) of the middle of [outer][n][inner]; the first of equals wins.
   `type` is f32 or i32. A NaN is never better than a number, nor exceeded where it is the first, as in TF.js. Where
   neighbours are compared, four run at once: each lane finds its best, then the lanes are compared. lo..hi are results. #}
{% import "macros.wat" as m with context %}
{% import "columns_macros.wat" as columns with context %}
{% set t = type[0] %}
{% set signed = "_s" if type == "i32" else "" %}
{% set vectors = n // 4 if L > 1 and inner == 1 else 0 %}
{# Whether $value is better than $best, which comes before it. #}
{% macro wins() %}
({{ type }}.{{ better }}{{ signed }} @{{ t }}_value @{{ t }}_best)
{% endmacro %}
{# The same for four. #}
{% macro wins_lanes() %}
({{ type }}x4.{{ better }}{{ signed }} @v_value @v_best)
{% endmacro %}
{% macro take(index) %}
(local.set ${{ t }}_best @{{ t }}_value)
(local.set $i_found {{ index }})
{% endmacro %}
{# The best of the first 4 * vectors elements from $i_p on. #}
{% macro lanes() %}
(local.set $v_best (v128.load @i_p))
(local.set $v_index (v128.const i32x4 0 1 2 3))
(local.set $v_found @v_index)
{% if type == "f32" %}
{# A lane that begins with a NaN begins with the first element instead. #}
(local.set $v_wins (f32x4.eq @v_best @v_best))
(local.set $v_found (v128.and @v_found @v_wins))
(local.set $v_best (v128.bitselect @v_best (v128.load32_splat @i_p) @v_wins))
{% endif %}
{% if vectors > 1 %}
{% call m.repeat("v", "#%d" % (vectors - 1)) %}
{{ m.bump("i_p", 16) }}
(local.set $v_index (i32x4.add @v_index (v128.const i32x4 4 4 4 4)))
(local.set $v_value (v128.load @i_p))
(local.set $v_wins {{ wins_lanes() }})
(local.set $v_best (v128.bitselect @v_value @v_best @v_wins))
(local.set $v_found (v128.bitselect @v_index @v_found @v_wins))
{% endcall %}
{% endif %}
{{ m.bump("i_p", 12) }}
{% for order in [[2, 3, 0, 1], [1, 0, 3, 2]] %}
(local.set $v_value (i8x16.shuffle{{ columns.lanes(order) }} @v_best @v_best))
(local.set $v_index (i8x16.shuffle{{ columns.lanes(order) }} @v_found @v_found))
(local.set $v_wins (v128.or {{ wins_lanes() }} (v128.and ({{ type }}x4.eq @v_value @v_best) (i32x4.lt_s @v_index @v_found))))
(local.set $v_best (v128.bitselect @v_value @v_best @v_wins))
(local.set $v_found (v128.bitselect @v_index @v_found @v_wins))
{% endfor %}
(local.set ${{ t }}_best ({{ type }}x4.extract_lane 0 @v_best))
(local.set $i_found (i32x4.extract_lane 0 @v_found))
{% endmacro %}
{% set first = 4 * vectors or 1 %}
{% call m.for("u", "@lo", "@hi") %}
(local.set $i_p (i32.add @x (i32.shl (i32.add (i32.mul (i32.div_u @i_u #{{ inner }}) #{{ n * inner }}) (i32.rem_u @i_u #{{ inner }})) #2)))
{% if vectors %}
{{ lanes() }}
{% else %}
(local.set ${{ t }}_best ({{ type }}.load @i_p))
(local.set $i_found #0)
{% endif %}
{% if n > first %}
{% call m.for("k", "#%d" % first, "#%d" % n) %}
{{ m.bump("i_p", 4 * inner) }}
(local.set ${{ t }}_value ({{ type }}.load @i_p))
(if {{ wins() }} (then
{{ take("@i_k") }}
))
{% endcall %}
{% endif %}
(i32.store (i32.add @c (i32.shl @i_u #2)) @i_found)
{% endcall %}
