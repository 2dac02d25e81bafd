export type Json = string | number | boolean | null | { [key: string]: Json | undefined } | Json[];

export type Database = {
  api: {
    Tables: {
      [_ in never]: never;
    };
    Views: {
      accounts: {
        Row: {
          created_at: string | null;
          id: string | null;
          kind: 'personal' | 'team' | null;
          name: string | null;
          role: 'owner' | 'admin' | 'member' | 'billing' | 'viewer' | null;
          suspended_at: string | null;
        };
        Relationships: [];
      };
      profile: {
        Row: {
          avatar_url: string | null;
          created_at: string | null;
          custom_instructions: string | null;
          default_model: string | null;
          id: string | null;
          locale: string | null;
          name: string | null;
          smart_routing: boolean | null;
          theme: string | null;
        };
        Relationships: [];
      };
    };
    Functions: {
      update_profile: {
        Args: {
          avatar_url?: string;
          custom_instructions?: string;
          default_model?: string;
          locale?: string;
          name?: string;
          smart_routing?: boolean;
          theme?: string;
        };
        Returns: {
          avatar_url: string | null;
          created_at: string | null;
          custom_instructions: string | null;
          default_model: string | null;
          id: string | null;
          locale: string | null;
          name: string | null;
          smart_routing: boolean | null;
          theme: string | null;
        };
      };
    };
    Enums: {
      [_ in never]: never;
    };
    CompositeTypes: {
      [_ in never]: never;
    };
  };
};
